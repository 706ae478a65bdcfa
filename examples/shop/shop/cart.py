"""What a customer is about to buy."""

from shop.prices import bulk_discount, format_amount, tax_included


class Cart:
    def __init__(self, catalog):
        self.catalog = catalog
        self.quantities = {}

    def add(self, sku, quantity=1):
        if quantity < 1:
            raise ValueError("quantity must be at least 1")
        article = self.catalog.find(sku)
        self.quantities[article.sku] = self.quantities.get(article.sku, 0) + quantity

    def remove(self, sku):
        del self.quantities[self.catalog.find(sku).sku]

    def lines(self):
        """Pairs of an article and what its quantity costs, sorted by name."""
        result = []
        for sku, quantity in self.quantities.items():
            article = self.catalog.find(sku)
            amount = article.price * quantity
            result.append((article, amount - bulk_discount(amount, quantity)))
        return sorted(result, key=lambda line: line[0].name)

    def total(self):
        return sum(amount for _, amount in self.lines())

    def tax(self):
        return sum(tax_included(amount, article.kind) for article, amount in self.lines())

    def receipt(self):
        rows = [(article.name, amount) for article, amount in self.lines()]
        rows.append(("Total", self.total()))
        return "\n".join(f"{name:<20}{format_amount(amount):>8}" for name, amount in rows)
