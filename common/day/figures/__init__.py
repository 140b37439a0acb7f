"""The figures of a page: records that runs, ladders and benches leave, stamped, and FIGURES.md written from them."""
