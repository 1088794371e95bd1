"""Deliveries and files in, records out: deduplicated, newest version first, erased on request, quarantined if unreadable."""
