"""What viewers' words say of a video: a small list of liking and of disliking."""

import polars as pl

LIKING = (
    "好看", "喜欢", "感动", "哈哈", "精彩", "好听", "可爱", "最爱", "爱了", "好甜",
    "甜蜜", "磕到", "嗑到", "支持", "加油", "期待", "好帅", "帅气", "漂亮", "好美",
    "美丽", "厉害", "优秀", "太棒", "真棒", "好棒", "绝了", "神剧", "经典", "好笑",
    "笑死", "开心", "温暖", "泪目", "催更", "追定", "封神", "演技好", "演技在线", "惊艳",
    "上头", "过瘾", "给力", "良心", "推荐", "不错",
)  # fmt: skip
DISLIKING = (
    "不好看", "不喜欢", "没意思", "不好笑", "不期待", "不支持", "不推荐", "难看", "无聊", "失望",
    "太烂", "真烂", "烂片", "烂剧", "好烂", "烂尾", "垃圾", "尴尬", "恶心", "讨厌",
    "快进", "弃剧", "弃了", "看不下去", "拖沓", "狗血", "难听", "太假", "好假", "油腻",
    "无语", "浪费时间", "演技差", "面瘫", "出戏", "离谱", "降智", "毁了", "别扭", "太慢",
    "催眠", "难受", "吐了", "差评", "太丑", "好丑", "生气",
)  # fmt: skip
WEIGHTS = dict.fromkeys(LIKING, 1) | dict.fromkeys(DISLIKING, -1)
# Of phrases that overlap, the one that starts first is found: "not good to watch" is no liking.
PHRASES = sorted(WEIGHTS, key=lambda phrase: (-len(phrase), phrase))


def score_sentiment(text: pl.Expr) -> pl.Expr:
    """Words of liking less words of disliking in a text, at most 1 and at least -1 (Int32; 0 for null)."""
    phrases = text.fill_null("").str.extract_many(PHRASES, leftmost=True)
    weights = phrases.list.eval(pl.element().replace_strict(WEIGHTS, return_dtype=pl.Int32))
    return weights.list.sum().clip(-1, 1)
