package auth

import "time"

// Endless is the Life of a token that does not end by itself.
const Endless time.Duration = -1

// LifeOf is the Life that expires_in asks for, in whole seconds: 0 is Endless,
// nil the default. Errors are of code Invalid, field "expires_in".
func LifeOf(expiresIn *int64) (time.Duration, error) {
	const hundredYears = 100 * 365 * 24 * 3600 // seconds; more is a mistake, and this fits into a time.Duration
	switch {
	case expiresIn == nil:
		return 0, nil
	case *expiresIn < 0 || *expiresIn > hundredYears:
		return 0, invalid("expires_in", "expires_in must be 0 (never) or a number of seconds within a hundred years")
	case *expiresIn == 0:
		return Endless, nil
	}
	return time.Duration(*expiresIn) * time.Second, nil
}

// expiry turns a wished life into an end, at least a second after now; zero:
// none.
func (t *Tokens) expiry(who Identity, life time.Duration, now time.Time) (time.Time, error) {
	p, wished := t.a.Policy(), life != 0
	switch {
	case life == 0:
		life = p.TokenLife()
	case life < 0 && life != Endless:
		return time.Time{}, invalid("expires_in", "a token cannot end before it begins")
	}
	if p.TokenMax > 0 && (life == Endless || life > p.TokenMax) {
		return time.Time{}, &Error{Code: Forbidden, Field: "expires_in", Reason: "tokens live at most " + p.TokenMax.String() + " (tokens.max_expiry)"}
	}
	var end time.Time
	if life != Endless {
		end = now.Add(life).Truncate(time.Second)
		if life < time.Second || end.Before(now) || end.Year() > 9999 {
			return time.Time{}, invalid("expires_in", "the life of the token is out of range")
		}
	}
	if !wished && !who.Full(now) {
		end = earlier(end, who.Expires.Truncate(time.Second))
	}
	if !end.IsZero() && !end.After(now) {
		return time.Time{}, forbidden("the credential ends this very second")
	}
	return end, nil
}
