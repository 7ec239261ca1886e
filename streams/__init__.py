"""The language of the log: values, events, topics, ports and the codec between them."""
