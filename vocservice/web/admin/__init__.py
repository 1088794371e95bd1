"""Forms of an admin in, a configured service out: sources, keys, users, bundles, rules, alerts."""
