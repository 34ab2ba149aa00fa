"""A registered model back from its pointer: weights from DVC, predictions as a cell makes them."""
