"""Where the news competition's files come from, and what is known of them."""

from common.day.hosts.layout import FileSpec, Source
from competitions.news.io import reader

PAGE = "https://tianchi.aliyun.com/competition/entrance/531842"
BOARD_B = "testB_click_log*.csv"
# Rows counted from the host's files by several who took part, sizes as the host's page shows them; the rows of board
# B's log (50,000 users) and the host's digests are not published.
CLICKS, ARTICLES, EMBEDDINGS = (
    tuple(column.header for column in columns)
    for columns in (reader.CLICK_COLUMNS, reader.ARTICLE_COLUMNS, reader.EMBEDDING_COLUMNS)
)
FILES = (
    FileSpec(reader.TRAIN, rows=1_112_623, columns=CLICKS, megabytes=43.5),
    FileSpec(reader.TEST_A, rows=518_010, columns=CLICKS, megabytes=20.5, unless=BOARD_B),
    FileSpec(BOARD_B, needed=False, columns=CLICKS),
    FileSpec(reader.ARTICLES, rows=364_047, columns=ARTICLES, megabytes=9.9),
    FileSpec(reader.EMBEDDINGS, needed=False, rows=295_141, columns=EMBEDDINGS, megabytes=973),
)
SOURCE = Source(
    name="news",
    host="login",
    dataset="",
    layouts=(FILES,),
    steps=(
        f"Log in at https://tianchi.aliyun.com (an Alibaba Cloud account) and open {PAGE}/introduction.",
        "Press the registration button (报名参赛) and accept the rules.",
        f"Open the data page (赛题与数据), {PAGE}/information. It gives a .md file with a direct link to each of four "
        "CSV files (train_click_log, testA_click_log, articles, articles_emb), and to sample_submit.csv, which is "
        "not needed. Board B also needs testB_click_log_Test_B. Download them.",
        "Unpack the archives, if any. Do not rename the files.",
    ),
    submission_files=("submission.csv",),
    upload=f"log in, open {PAGE}, press the submit button (提交结果) and upload submission.csv",
)
