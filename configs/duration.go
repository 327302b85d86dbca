package configs

import (
	"fmt"
	"strings"
	"time"
)

// parseDuration reads Go's form of a duration (90s, 10m, 168h) or a bare 0.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("takes a duration with its unit, as 90s, 10m or 12h; a week is 168h")
	}
	if d < 0 {
		return 0, fmt.Errorf("takes a duration that is not negative")
	}
	return d, nil
}

// durationText is d without the zero units that time.Duration prints.
func durationText(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
