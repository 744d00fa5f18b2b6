"""What the processes say to each other: message dataclasses, their protobuf form, and the codec between the two."""
