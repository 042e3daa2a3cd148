"""The ontology: concepts, taxonomies made from them, and label maps."""
