"""Many runs: folds, tables, the ledger of test looks."""
