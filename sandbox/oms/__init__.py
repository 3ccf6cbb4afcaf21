"""A simulation of Huawei's Object Storage Migration Service (OMS), which copies objects between clouds."""
