rem installs the client
