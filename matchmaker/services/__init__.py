"""What the product does. Services take an actor and plain values, own the transaction, and never import Flask."""
