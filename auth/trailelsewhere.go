package auth

// maxFailedElsewhere is how often one source's failures of one kind at one
// provider are recorded within ten minutes.
const maxFailedElsewhere = 10

// ElsewhereFailed records why somebody who came back from a provider was
// refused before anybody was found. who is who was signed in; a flood of the
// same from one source is recorded ten times in ten minutes.
func (t *Trail) ElsewhereFailed(who Identity, provider string, purpose Purpose, err error) {
	if err == nil {
		return
	}
	of := ""
	if _, known := t.a.Provider(provider); known {
		of = provider // another name is whatever the client says
	}
	k := t.a.cache.key("elsewhere", sourceOf(who.Peer), of, string(purpose), string(CodeOf(err)))
	if t.a.wrong.Add(k) <= maxFailedElsewhere {
		t.acted(who, actElsewhere, provider+" "+string(purpose), err)
	}
}
