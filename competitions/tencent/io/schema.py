"""What the host's files are called and hold, in both layouts."""

# Item features, each one value; 111 is the creative itself and stands in the competition layout only.
ITEM_FEATURES = ("100", "101", "102", "112", "114", "115", "116", "117", "118", "119", "120", "121", "122")
CREATIVE = "111"

EXPOSURE, CLICK, CONVERSION, NULL_ACTION = 0, 1, 2, -1
MAX_SECONDS = (1 << 32) - 1  # of a time, in the year 2106; milliseconds since 1970 are more

# The competition layout: train/ and eval/ below the raw folder.
TRAIN, EVAL = "train", "eval"
SEQUENCES, OFFSETS = "seq.jsonl", "seq_offsets.pkl"  # the second: where the lines of the first start; not needed
PREDICT_SEQUENCES, PREDICT_OFFSETS = "predict_seq.jsonl", "predict_seq_offsets.pkl"
INDEXER = "indexer.pkl"
ITEM_TABLE = "item_feat_dict.json"
CANDIDATES = "predict_set.jsonl"
USER_ACTIONS = "user_action_type.json"  # round 2
EMBEDDINGS = "creative_emb"  # emb_81_32.pkl, or emb_82_1024/part-00000, JSON lines
# The usual path of each file by its role; it may also lie beside these folders.
TRAIN_FILES = {
    "sequences": f"{TRAIN}/{SEQUENCES}",
    "indexer": f"{TRAIN}/{INDEXER}",
    "items": f"{TRAIN}/{ITEM_TABLE}",
}
QUERY_FILES = {"test_sequences": f"{EVAL}/{PREDICT_SEQUENCES}", "candidates": f"{EVAL}/{CANDIDATES}"}
ACTION_FILE = f"{EVAL}/{USER_ACTIONS}"

# The release layout: a folder of parquet files each.
RELEASE_SEQUENCES, RELEASE_ITEMS, RELEASE_CANDIDATES = "seq", "item_feat", "candidate"
RELEASE_USERS = "user_feat"  # eight features of users, which nothing reads
RELEASE_EMBEDDINGS = "mm_emb"  # emb_81_32_parquet/
RELEASE_FOLDERS = {"sequences": RELEASE_SEQUENCES, "items": RELEASE_ITEMS, "candidates": RELEASE_CANDIDATES}

TRUTH = "truth.csv"  # user_id (re-id), user, creative_id (OID), in round 2 action; not of the host
TOP = 10  # ads a user in a submission
