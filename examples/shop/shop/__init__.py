"""A small shop: a catalogue, prices and a shopping cart. All amounts are in cents."""
