"""Files that hold models: containers and formats, as plain data and arrays; knows no model."""
