"""What each option of scoring and crops brings and costs, on any labelled images."""
