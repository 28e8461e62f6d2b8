"""Tables in DuckDB, arrays in .npz, archives and raw files; no orchestration."""
