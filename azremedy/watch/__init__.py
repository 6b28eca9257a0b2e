"""
Looking again and again: what a scan found is kept, and only what changed since is told.

    last = memory.read(file, asked)
    news = news_of(last, looked, within)
    tell(news); memory.keep(file, asked, after(last, looked))

What could not be read is told as unread. It is never gone, and what was known of it stays known.
"""

from __future__ import annotations

from azremedy.watch.memory import Asked, Memory
from azremedy.watch.news import Looked, News, after, news_of

__all__ = ["Asked", "Looked", "Memory", "News", "after", "news_of"]
