"""What there is: frozen records, validated once at construction. No behaviour beyond that."""
