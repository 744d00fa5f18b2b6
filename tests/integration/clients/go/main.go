// An unmodified cloudstack-go against a running controller: each step prints "name: what came of it", one a line.
//
// The client is strict about JSON types: a number where it expects text fails the call, so that every list below is also a check of types.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/apache/cloudstack-go/v2/cloudstack"
)

func main() {
	cs := cloudstack.NewAsyncClient(os.Getenv("CLOUDSTACK_ENDPOINT"), os.Getenv("CLOUDSTACK_KEY"), os.Getenv("CLOUDSTACK_SECRET"), false)
	cs.AsyncTimeout(60)
	zone, template, offering := os.Getenv("ZONE"), os.Getenv("TEMPLATE"), os.Getenv("OFFERING")
	lists(cs)
	life(cs, zone, template, offering)
	errors(cs, zone, template)
}

func tell(step string, result interface{}, err error) {
	if err != nil {
		fmt.Printf("%s: error %s\n", step, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Printf("%s: %v\n", step, result)
}

func lists(cs *cloudstack.CloudStackClient) {
	zones, err := cs.Zone.ListZones(cs.Zone.NewListZonesParams())
	tell("listZones", err == nil && zones.Count > 0, err)
	hosts, err := cs.Host.ListHosts(cs.Host.NewListHostsParams())
	tell("listHosts", err == nil && hosts.Count > 0, err)
	pods, err := cs.Pod.ListPods(cs.Pod.NewListPodsParams())
	tell("listPods", err == nil && pods.Count > 0, err)
	clusters, err := cs.Cluster.ListClusters(cs.Cluster.NewListClustersParams())
	tell("listClusters", err == nil && clusters.Count > 0, err)
	pools, err := cs.Pool.ListStoragePools(cs.Pool.NewListStoragePoolsParams())
	tell("listStoragePools", err == nil && pools.Count > 0, err)
	offerings, err := cs.ServiceOffering.ListServiceOfferings(cs.ServiceOffering.NewListServiceOfferingsParams())
	tell("listServiceOfferings", err == nil && offerings.Count > 0, err)
	disks, err := cs.DiskOffering.ListDiskOfferings(cs.DiskOffering.NewListDiskOfferingsParams())
	tell("listDiskOfferings", err == nil && disks.Count > 0, err)
	kinds, err := cs.NetworkOffering.ListNetworkOfferings(cs.NetworkOffering.NewListNetworkOfferingsParams())
	tell("listNetworkOfferings", err == nil && kinds.Count > 0, err)
	accounts, err := cs.Account.ListAccounts(cs.Account.NewListAccountsParams())
	tell("listAccounts", err == nil && accounts.Count > 0, err)
	users, err := cs.User.ListUsers(cs.User.NewListUsersParams())
	tell("listUsers", err == nil && users.Count > 0, err)
	domains, err := cs.Domain.ListDomains(cs.Domain.NewListDomainsParams())
	tell("listDomains", err == nil && domains.Count > 0, err)
	events, err := cs.Event.ListEvents(cs.Event.NewListEventsParams())
	tell("listEvents", err == nil && events.Count >= 0, err)
	capacity, err := cs.SystemCapacity.ListCapacity(cs.SystemCapacity.NewListCapacityParams())
	tell("listCapacity", err == nil && capacity.Count > 0, err)
	settings, err := cs.Configuration.ListConfigurations(cs.Configuration.NewListConfigurationsParams())
	tell("listConfigurations", err == nil && settings.Count > 0, err)
	jobs, err := cs.Asyncjob.ListAsyncJobs(cs.Asyncjob.NewListAsyncJobsParams())
	tell("listAsyncJobs", err == nil && jobs.Count >= 0, err)
}

func life(cs *cloudstack.CloudStackClient, zone, template, offering string) {
	wish := cs.VirtualMachine.NewDeployVirtualMachineParams(offering, template, zone)
	wish.SetName("gopher")
	deployed, err := cs.VirtualMachine.DeployVirtualMachine(wish)
	if err != nil {
		tell("deployVirtualMachine", "", err)
		return
	}
	tell("deployVirtualMachine", deployed.State, nil)
	tell("has an address", len(deployed.Nic) == 1 && deployed.Nic[0].Ipaddress != "", nil)
	known, count, err := cs.VirtualMachine.GetVirtualMachineByName("gopher", cloudstack.WithZone(zone))
	tell("found by name", err == nil && count == 1 && known.Id == deployed.Id, err)
	stopped, err := cs.VirtualMachine.StopVirtualMachine(cs.VirtualMachine.NewStopVirtualMachineParams(deployed.Id))
	tell("stopVirtualMachine", err == nil && stopped.State == "Stopped", err)
	again, err := cs.VirtualMachine.StartVirtualMachine(cs.VirtualMachine.NewStartVirtualMachineParams(deployed.Id))
	tell("startVirtualMachine", err == nil && again.State == "Running", err)
	end := cs.VirtualMachine.NewDestroyVirtualMachineParams(deployed.Id)
	end.SetExpunge(true)
	_, err = cs.VirtualMachine.DestroyVirtualMachine(end)
	tell("destroyVirtualMachine", err == nil, err)
}

func errors(cs *cloudstack.CloudStackClient, zone, template string) {
	_, err := cs.VirtualMachine.DeployVirtualMachine(cs.VirtualMachine.NewDeployVirtualMachineParams("4711", template, zone))
	tell("an unknown offering", "", err)
	_, err = cs.VPC.ListVPCs(cs.VPC.NewListVPCsParams())
	tell("listVPCs", "", err)
}
