"""A simulation of Huawei's Object Storage Migration Service (OMS), which copies objects from other clouds to OBS."""
