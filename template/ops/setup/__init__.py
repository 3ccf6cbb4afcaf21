"""What has to be there in both clouds before the project can be deployed."""
