"""Forms of an admin in, a service set up out: sources, keys, users, bundles, rules, alerts."""
