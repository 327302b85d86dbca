package auth

import "time"

// waitingList counts who waits, by source.
type waitingList struct {
	Waiting []waiter `json:"w"`
}

type waiter struct {
	ID     string `json:"i"`
	Source string `json:"s"`
	Ends   int64  `json:"e"` // Unix seconds
}

func taken() error {
	return &Error{Code: Exists, Field: "session", Reason: "this session is in use already; begin with a new one"}
}

// full tells how long there is no room for another wait of source; 0: there is.
func (w *waitingList) full(source string, now time.Time) time.Duration {
	mine, first, firstMine := 0, int64(0), int64(0)
	for _, o := range w.Waiting { // in the order they came
		if first == 0 {
			first = o.Ends
		}
		if o.Source == source {
			if mine++; firstMine == 0 {
				firstMine = o.Ends
			}
		}
	}
	switch {
	case mine >= webLoginsOf:
		return time.Unix(firstMine, 0).Sub(now)
	case len(w.Waiting) >= webLoginsAll:
		return time.Unix(first, 0).Sub(now)
	}
	return 0
}
