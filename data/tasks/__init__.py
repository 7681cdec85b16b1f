"""One module for each kind of example; docs/examples.md shows one of each. `data.examples` puts them together."""
