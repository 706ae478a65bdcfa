"""What the shop sells."""

from dataclasses import dataclass

# sku: (name, price in cents, kind)
ARTICLES = {
    "A-100": ("Apple", 40, "food"),
    "B-200": ("Bread", 320, "food"),
    "M-300": ("Mug", 850, "goods"),
    "N-400": ("Novel", 1290, "books"),
    "P-500": ("Pen", 150, "goods"),
}


class UnknownArticle(LookupError):
    """There is no article with this sku."""


@dataclass(frozen=True)
class Article:
    sku: str
    name: str
    price: int
    kind: str


class Catalog:
    def __init__(self, table):
        self._articles = {sku: Article(sku, *row) for sku, row in table.items()}

    def __len__(self):
        return len(self._articles)

    def find(self, sku):
        try:
            return self._articles[sku.upper()]
        except KeyError:
            raise UnknownArticle(sku) from None

    def search(self, text):
        """Articles whose name contains the text, sorted by name."""
        text = text.casefold()
        found = [a for a in self._articles.values() if text in a.name.casefold()]
        return sorted(found, key=lambda article: article.name)

    def of_kind(self, kind):
        return [a for a in self._articles.values() if a.kind == kind]
