"""What a person does with a run: records, comparison, report, look, serving, tuning, hosts."""
