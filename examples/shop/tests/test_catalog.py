import pytest
from shop.catalog import Article, UnknownArticle


class TestFind:
    def test_known(self, catalog):
        assert catalog.find("M-300") == Article("M-300", "Mug", 850, "goods")

    def test_case_does_not_matter(self, catalog):
        assert catalog.find("m-300").name == "Mug"

    def test_unknown(self, catalog):
        with pytest.raises(UnknownArticle):
            catalog.find("X-999")


def test_size(catalog):
    assert len(catalog) == 5


def test_search_is_sorted(catalog):
    assert [article.name for article in catalog.search("E")] == ["Apple", "Bread", "Novel", "Pen"]


def test_of_kind(catalog):
    assert [article.sku for article in catalog.of_kind("food")] == ["A-100", "B-200"]
