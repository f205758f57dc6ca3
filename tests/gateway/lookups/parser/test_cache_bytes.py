"""What is remembered of texts is bounded by their length too."""

from custody.gateway.lookups.parser.cache import LONGEST_KEPT, AnalysisCache
from custody.wire.sql.analyse import analyse


def test_a_long_text_is_not_remembered() -> None:
    cache = AnalysisCache()
    for number in (1, 2):
        text = f"SELECT {number}, '{'x' * LONGEST_KEPT}'"
        assert cache.keep(text, analyse(text)) is not None
        assert cache.recall(text) is None


def test_texts_that_differ_in_more_than_numbers_crowd_each_other_out_by_length() -> None:
    cache = AnalysisCache(size=800_000)
    texts = [f"SELECT a{number} FROM t WHERE b = {'1 + ' * 10_000} 1" for number in range(6)]
    for text in texts:
        cache.keep(text, analyse(text))
    assert cache.recall(texts[0]) is None
    assert cache.recall(texts[-1]) is not None
