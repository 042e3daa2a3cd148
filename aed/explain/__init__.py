"""Why a clip got its answer: the decisions along the path, and what of the sound each of them listened to."""
