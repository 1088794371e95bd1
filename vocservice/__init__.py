"""Voice-of-the-customer analysis: journey stage, experience factor, sentiment, service against experience, with evidence."""
