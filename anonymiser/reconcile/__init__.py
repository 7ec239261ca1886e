"""The reconciler: no submission stays without an outcome in silence."""
