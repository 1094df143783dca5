"""What every process of Integration Companion shares: pure Python and PyYAML, no Rasa, no Django."""
