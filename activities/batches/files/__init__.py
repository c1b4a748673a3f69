"""A list as people have it: workbooks, CSV, exports of learning systems; read into records in the contract's names."""
