gomalloc_kunit-y :=
