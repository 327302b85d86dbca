package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// median of values, which are one figure of several rounds.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// ratio is the median of the rounds' own ratios: whatever slows a round down
// slows both sides.
func ratio(values, bases []float64) float64 {
	var each []float64
	for i := range min(len(values), len(bases)) {
		each = append(each, values[i]/bases[i])
	}
	return median(each)
}

// printTable writes to standard output, as the testing package does with what
// it finds; its logs are cut after ten lines. Cells are divided by "|".
func printTable(title string, rows ...string) {
	fmt.Printf("\n%s\n", title)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		cells := strings.Split(row, "|")
		cells[0] = fmt.Sprintf("%-46s", cells[0])
		fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	}
	w.Flush()
	fmt.Println()
}
