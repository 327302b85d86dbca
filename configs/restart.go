package configs

import "slices"

// Reload is fresh with the old values of the keys that a running daemon cannot
// change; keys names those that differ. It is judged again, because what was
// right beside the new address may be wrong beside the one that stays; on an
// error old keeps serving.
func Reload(old, fresh *Config) (merged *Config, keys []string, err error) {
	next := *fresh
	for _, k := range []struct {
		path string
		same bool
		keep func()
	}{
		{"data_dir", old.DataDir == next.DataDir, func() { next.DataDir = old.DataDir }},
		{"http.listen", old.HTTP.Listen == next.HTTP.Listen, func() { next.HTTP.Listen = old.HTTP.Listen }},
		{"http.tls_listen", old.HTTP.TLSListen == next.HTTP.TLSListen, func() { next.HTTP.TLSListen = old.HTTP.TLSListen }},
		{"http.public_url", old.HTTP.PublicURL == next.HTTP.PublicURL, func() { next.HTTP.PublicURL = old.HTTP.PublicURL }},
		{"ops.listen", old.Ops.Listen == next.Ops.Listen, func() { next.Ops.Listen = old.Ops.Listen }},
		{"ssh.listen", old.SSH.Listen == next.SSH.Listen, func() { next.SSH.Listen = old.SSH.Listen }},
		{"ssh.host_key_files", slices.Equal(old.SSH.HostKeyFiles, next.SSH.HostKeyFiles), func() { next.SSH.HostKeyFiles = old.SSH.HostKeyFiles }},
		{"ssh.allow_dss", old.SSH.AllowDSS == next.SSH.AllowDSS, func() { next.SSH.AllowDSS = old.SSH.AllowDSS }},
		{"ssh.proxy_protocol_from", slices.Equal(old.SSH.ProxyProtocolFrom, next.SSH.ProxyProtocolFrom), func() { next.SSH.ProxyProtocolFrom = old.SSH.ProxyProtocolFrom }},
		{"store", old.Store == next.Store, func() { next.Store = old.Store }},
		{"master_key_file", old.MasterKeyFile == next.MasterKeyFile, func() { next.MasterKeyFile = old.MasterKeyFile }},
	} {
		if !k.same {
			keys = append(keys, k.path)
			k.keep()
		}
	}
	if err := next.Validate(); err != nil {
		return nil, keys, err
	}
	return &next, keys, nil
}
