"""The control that draws by rules, without data."""
