package web

import "time"

// maxYears is how far away a day may be that something ends on.
const maxYears = 100

// lastDay is the end of the day that text names, UTC. name is the field's.
func (p *Pages) lastDay(name, text string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	switch now := p.now(); {
	case text == "":
		return time.Time{}, invalid(name, "choose the last day")
	case err != nil:
		return time.Time{}, invalid(name, "write the day as 2030-12-31")
	case !at.Add(day).After(now):
		return time.Time{}, invalid(name, "that day is over; choose a later one")
	case at.Year() > now.Year()+maxYears:
		return time.Time{}, invalid(name, "that day is too far away; choose an earlier one")
	}
	return at.Add(day), nil
}
