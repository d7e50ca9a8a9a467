"""What a trial of synthetic images settles: are its arms equal, who gains, what real images buy."""
