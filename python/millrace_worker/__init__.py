"""Runs one MLflow model in a process of its own, for Millrace's server (docs/formats/worker_protocol.md)."""

PROTOCOL = 1
