"""Learning: heads, batches without padding, the DeepSpeed loop, prediction, export."""
