"""Zeroth-order phases whose directions are drawn together instead of one by one."""
