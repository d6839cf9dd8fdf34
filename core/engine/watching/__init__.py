"""What faces are shown of running jobs: progress, where the time goes, trouble in words."""
