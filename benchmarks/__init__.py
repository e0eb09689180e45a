"""Measure Pellucid against its peers: validate first, then time, in one run. See README.md."""
