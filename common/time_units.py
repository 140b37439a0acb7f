"""Spans of time in milliseconds; in seconds, as Tencent's files count."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
HOUR_S, DAY_S = HOUR_MS // 1_000, DAY_MS // 1_000
