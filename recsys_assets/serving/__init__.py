"""Serving: an API and an app over published files alone; nothing here trains, runs the graph, or opens a warehouse."""
